/**
 * kubectl as tools/deploy/smoke.sh calls it: `get` finds objects in the file OBJECTS, `port-forward` tells where the service of
 * PORTS is. What the real one would not find, this one does not either.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    namespace: { type: 'string' },
    selector: { type: 'string', default: '' },
    output: { type: 'string' },
    address: { type: 'string' },
  },
});
const objects = JSON.parse(readFileSync(process.env.OBJECTS, 'utf8'));
const [verb, kind, name] = positionals;
const ofKind = (wanted) => objects.filter((object) => object.kind.toLowerCase() === wanted);

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

if (verb === 'get' && values.output === 'json') {
  const labels = values.selector
    .split(',')
    .filter(Boolean)
    .map((part) => part.split('='));
  const items = ofKind(kind).filter(
    ({ metadata }) =>
      (name === undefined || metadata.name === name) &&
      labels.every(([label, value]) => metadata.labels[label] === value),
  );
  if (name !== undefined && items.length === 0) fail(`${kind} "${name}" not found`);
  process.stdout.write(JSON.stringify(name === undefined ? { items } : items[0]));
} else if (verb === 'port-forward') {
  const [, service] = kind.split('/');
  const port = Number(name.split(':')[1]);
  const found = ofKind('service').find(({ metadata }) => metadata.name === service);
  if (!found?.spec.ports.some((each) => each.port === port)) fail(`service ${service} has no port ${port}`);
  process.stdout.write(`Forwarding from 127.0.0.1:${JSON.parse(process.env.PORTS)[service]} -> ${port}\n`);
  setInterval(() => {}, 60_000);
} else {
  fail(`not known: ${process.argv.slice(2).join(' ')}`);
}
