/** Asks where a subscription continues, and says what that means. */
import { useId, useState } from 'preact/hooks'
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { digits } from '../../parts/number.ts'
import { consequenceOf, type Place, placeOf, places } from './move.ts'

interface MoveDialogProps {
  readonly subscription: SubscriptionShape
  readonly done: (text: string) => void
  readonly close: () => void
}

export function MoveDialog({ subscription, done, close }: MoveDialogProps) {
  const { name, checkpoint } = subscription
  const [kind, setKind] = useState<Place>('end')
  const [text, setText] = useState('')
  const [isAgain, setIsAgain] = useState(false)
  const id = useId()
  const to = placeOf(kind, text)
  const consequence = consequenceOf(to, subscription)
  const isComplete = to !== undefined && (consequence.direction !== 'back' || isAgain)
  return (
    <FormDialog<{ position: number }>
      title={`Move ${name}`}
      action="Move"
      path="subscriptions/move"
      body={isComplete ? { name, to, ...(isAgain && { again: true }) } : undefined}
      done={({ position }) => done(`Moved: it continues after position ${digits(position)}.`)}
      close={close}
    >
      <fieldset>
        <legend>It has handled the events up to position {digits(checkpoint)}. It continues</legend>
        {places.map(({ place, label }) => (
          <label key={place}>
            <input
              type="radio"
              name={`${id}-place`}
              checked={kind === place}
              onChange={() => {
                setKind(place)
                setText('')
                setIsAgain(false)
              }}
            />{' '}
            {label}
          </label>
        ))}
      </fieldset>
      {(kind === 'position' || kind === 'time') && (
        <div class="field">
          <label for={id}>{kind === 'position' ? 'Position' : 'Time, in your time zone'}</label>
          <input
            id={id}
            type={kind === 'position' ? 'number' : 'datetime-local'}
            min={kind === 'position' ? 0 : undefined}
            step="1"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </div>
      )}
      <p aria-live="polite">{consequence.text}</p>
      {(consequence.direction === 'back' || consequence.direction === 'unknown') && (
        <label>
          <input
            type="checkbox"
            checked={isAgain}
            onChange={({ currentTarget }) => setIsAgain(currentTarget.checked)}
          />{' '}
          The handler may get events again
        </label>
      )}
    </FormDialog>
  )
}
