/** Asks into how many partitions a subscription divides the streams. */
import { useId, useState } from 'preact/hooks'
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { counted } from '../../parts/number.ts'

interface RepartitionDialogProps {
  readonly subscription: SubscriptionShape
  readonly done: (text: string) => void
  readonly close: () => void
}

const most = 1_000

export function RepartitionDialog({ subscription, done, close }: RepartitionDialogProps) {
  const { name, partitions } = subscription
  const [text, setText] = useState(String(partitions))
  const id = useId()
  const wanted = Number(text)
  const isValid = Number.isInteger(wanted) && wanted >= 1 && wanted <= most && wanted !== partitions
  return (
    <FormDialog<{ partitions: number }>
      title={`Repartition ${name}`}
      action="Repartition"
      path="subscriptions/repartition"
      body={isValid ? { name, partitions: wanted } : undefined}
      done={(answer) => done(`It has ${counted(answer.partitions, 'partition')}. The workers share them.`)}
      close={close}
    >
      <p>
        No event is skipped, and the order within each stream stays. Each stream is handled by one worker at a
        time. Put the new number into the code with its next version.
      </p>
      <div class="field">
        <label for={id}>Partitions, 1 to 1,000; at present {partitions}</label>
        <input
          id={id}
          type="number"
          min="1"
          max={most}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </div>
    </FormDialog>
  )
}
