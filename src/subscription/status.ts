import type { SubscriptionEnvironment } from './environment.ts'
import type { SubscriptionStatus } from './subscription.ts'

export async function subscriptionStatus(
  _environment: SubscriptionEnvironment,
  _name: string,
  _signal?: AbortSignal,
): Promise<SubscriptionStatus | undefined> {
  throw new Error('placeholder: engine-work has it')
}
