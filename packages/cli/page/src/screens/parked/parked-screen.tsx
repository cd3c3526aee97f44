/** `#/parked`: the parked events of a subscription, filtered and grouped by error, or one of them. */
import type { Subscriptions } from '../../../../src/console/shapes/subscription.ts'
import { useAnswer } from '../../api/use-answer.ts'
import { Heading } from '../../parts/heading.tsx'
import { Result } from '../../parts/result.tsx'
import type { ScreenProps } from '../screen.ts'
import { Chooser, SubscriptionField } from './chooser.tsx'
import { ParkedDetails } from './details.tsx'
import { ParkedList } from './list.tsx'

const every = 3_000

export function ParkedScreen({ params }: ScreenProps) {
  const { subscription, position } = params
  const subscriptions = useAnswer<Subscriptions>('subscriptions', {}, { every, keep: true })
  const chosen = subscriptions.answer?.subscriptions.find(({ name }) => name === subscription)
  if (subscription !== undefined && position !== undefined) {
    return <ParkedDetails subscription={subscription} position={Number(position)} key={position} />
  }
  return (
    <>
      <Heading title="Parked events">
        {subscriptions.answer !== undefined && (
          <SubscriptionField subscriptions={subscriptions.answer.subscriptions} chosen={subscription} />
        )}
      </Heading>
      {subscription === undefined ? (
        <Result result={subscriptions}>
          {({ subscriptions }) => <Chooser subscriptions={subscriptions} />}
        </Result>
      ) : (
        <ParkedList params={params} name={subscription} subscription={chosen} key={subscription} />
      )}
    </>
  )
}
