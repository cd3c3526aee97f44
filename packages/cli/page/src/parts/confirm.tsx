/** Asks before an action. For what destroys, the user types the name of the target. */
import { useId, useState } from 'preact/hooks'
import { Dialog } from './dialog.tsx'

interface ConfirmProps {
  readonly title: string
  /** What the action does. */
  readonly consequence: string
  /** The word on the button. */
  readonly action: string
  /** The name to type. @default none: a click is enough */
  readonly name?: string | undefined
  readonly confirmed: () => void
  readonly close: () => void
}

export function Confirm({ title, consequence, action, name, confirmed, close }: ConfirmProps) {
  const [typed, setTyped] = useState('')
  const id = useId()
  const isAllowed = name === undefined || typed === name
  return (
    <Dialog title={title} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (!isAllowed) return
          confirmed()
          close()
        }}
      >
        <p>{consequence}</p>
        {name !== undefined && (
          <div class="field">
            <label for={id}>
              Type <code>{name}</code> to confirm
            </label>
            <input
              id={id}
              value={typed}
              autocomplete="off"
              spellcheck={false}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
          </div>
        )}
        <p class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={name === undefined ? 'main' : 'danger'} disabled={!isAllowed}>
            {action}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
