/** `#/subscriptions`: all subscriptions. `#/subscription?name`: one of them. */
import type { ScreenProps } from '../screen.ts'
import { SubscriptionDetails } from './details.tsx'
import { SubscriptionList } from './list.tsx'

export function SubscriptionsScreen({ part, params: { name = '', find = '' } }: ScreenProps) {
  return part === 'subscription' ? (
    <SubscriptionDetails name={name} key={name} />
  ) : (
    <SubscriptionList find={find} />
  )
}
