import type { Event } from '../event.ts'
import type { StoreTransaction } from '../projection/transaction.ts'
import type { SubscriptionEnvironment } from './environment.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'

export function startSubscription<E extends Event, Tx extends StoreTransaction>(
  _environment: SubscriptionEnvironment,
  _options: SubscribeOptions<E, Tx>,
): Subscription {
  throw new Error('placeholder: engine-work has it')
}
