import type { SubscriptionEnvironment } from './environment.ts'
import type { ParkedEvents } from './subscription.ts'

export function parkedEvents(_environment: SubscriptionEnvironment, _name: string): ParkedEvents {
  throw new Error('placeholder: engine-work has it')
}
