/** What an operator can do to a subscription. */
import { useState } from 'preact/hooks'
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { ActionButton } from '../../parts/action-button.tsx'
import { address, go } from '../../route.ts'
import { useStore } from '../../store.ts'
import { MoveDialog } from './move-dialog.tsx'
import { RepartitionDialog } from './repartition-dialog.tsx'

export interface OperationsProps {
  readonly subscription: SubscriptionShape
  /** Called with what was done, in words. */
  readonly done: (text: string) => void
}

export function Operations({ subscription, done }: OperationsProps) {
  const { name, state, kind } = subscription
  const { isReadOnly } = useStore()
  const [open, setOpen] = useState<'move' | 'repartition'>()
  const close = () => setOpen(undefined)
  return (
    <div class="buttons actions">
      {state === 'paused' ? (
        <ActionButton
          label="Resume"
          path="subscriptions/resume"
          body={{ name }}
          done={() => done('Resumed. Its workers continue within a second, on DynamoDB within two.')}
        />
      ) : (
        <ActionButton
          label="Pause"
          path="subscriptions/pause"
          body={{ name }}
          isOff={state === 'superseded'}
          consequence={`The workers of '${name}' stop in all processes after the event that they handle, until an operator resumes it.`}
          done={() => done('Paused. Once it has no owners, no handler runs.')}
        />
      )}
      {kind !== 'projection' && (
        <button type="button" disabled={isReadOnly || state === 'superseded'} onClick={() => setOpen('move')}>
          Move…
        </button>
      )}
      <button
        type="button"
        disabled={isReadOnly || state === 'superseded'}
        onClick={() => setOpen('repartition')}
      >
        Repartition…
      </button>
      <ActionButton
        label="Remove"
        path="subscriptions/remove"
        body={{ name }}
        name={name}
        consequence="This removes its checkpoints and its parked events. If a process starts it again, it begins where its code says."
        done={() => go(address('subscriptions'))}
      />
      {kind === 'projection' && (
        <span class="soft">
          To fold its events again, rebuild <a href={address('projections')}>its projection</a>.
        </span>
      )}
      {open === 'move' && <MoveDialog subscription={subscription} done={done} close={close} />}
      {open === 'repartition' && <RepartitionDialog subscription={subscription} done={done} close={close} />}
    </div>
  )
}
