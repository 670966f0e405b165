export const USAGE = `usage:
  rush run    --gateway URL --sale ID --sku SKU --buyers N --rate R [--quantity 1] [--payment-method tok_ok]
              [--decline-ratio 0] [--patience 60] [--max-failed N] --out FILE [--json]
      Lets N buyers order at R orders a second, whatever the answers are, and writes the accepted orders to FILE. Who is
      told nothing certain (503, 504, no answer) asks again with the same key, for at most --patience seconds. With
      --max-failed, more failed requests (5xx, no answer) than that are exit code 1. At Ctrl-C (SIGINT) no more buyers come,
      and what came until then is reported; at the second one it ends at once.
  rush verify --brokers HOST:PORT,... [--accepted FILE] [--gateway URL] [--wait SECONDS] [--expect-confirmed UNITS] [--json]
      Reads Kafka from the beginning and checks: no oversell, no lost order, no double charge. Waits for orders that have
      not ended yet. With FILE every accepted order must have ended; with URL too, buyers must read how. A secured Kafka is
      reached as by every service: by KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME and KAFKA_PASSWORD_FILE.
exit code: 0 all is well, 1 a rule is broken or the shop cannot be reached, 2 the command line is wrong
`;
