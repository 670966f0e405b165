import { payment } from '@flashmesh/contracts';
import { Rpc } from '@flashmesh/rpc';
import { Controller } from '@nestjs/common';
import { Charging } from './charging.ts';

/** Charges and voids come in through gRPC. */
@Controller()
export class PaymentController {
  private readonly charging: Charging;

  constructor(charging: Charging) {
    this.charging = charging;
  }

  @Rpc(payment.PaymentServiceDefinition, 'charge')
  async charge(request: payment.ChargeRequest): Promise<payment.ChargeResponse> {
    return { outcome: await this.charging.charge(request) };
  }

  @Rpc(payment.PaymentServiceDefinition, 'void')
  async void(request: payment.VoidRequest): Promise<payment.VoidResponse> {
    return { refunded: await this.charging.void(request) };
  }
}
