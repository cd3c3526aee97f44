import type { Event } from '../event.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import type { RunOnceOptions, RunOnceResult, SubscribeOptions } from './subscription.ts'

export async function runOnce<E extends Event, Tx extends StoreTransaction>(
  _environment: SubscriptionEnvironment,
  _options: SubscribeOptions<E, Tx>,
  _limits?: RunOnceOptions,
): Promise<RunOnceResult> {
  throw new Error('placeholder: engine-work has it')
}
