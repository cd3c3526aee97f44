/** The state of a subscription, and what is wrong with its workers. */
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'

export function State({ subscription }: { readonly subscription: SubscriptionShape }) {
  const { state, unowned, partitions } = subscription
  if (state === 'paused') return <span class="badge warning">paused</span>
  if (state === 'superseded') return <span class="badge">superseded</span>
  if (unowned === partitions) return <span class="badge bad">no worker</span>
  if (unowned > 0) {
    return (
      <span class="badge warning">
        {unowned} of {partitions} partitions without a worker
      </span>
    )
  }
  return <span class="badge good">active</span>
}
