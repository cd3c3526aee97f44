/** The list of keys. */
import type { Shortcut } from '../keyboard.ts'
import { Dialog } from './dialog.tsx'

interface KeyListProps {
  readonly shortcuts: readonly Shortcut[]
  readonly close: () => void
}

export function KeyList({ shortcuts, close }: KeyListProps) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {shortcuts.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  )
}
