/** A dialog that asks for the details of an action, calls the API, and stays open while that fails. */
import type { ComponentChildren } from 'preact'
import { useAction } from '../api/use-action.ts'
import { Dialog } from './dialog.tsx'

interface FormDialogProps<Answer> {
  readonly title: string
  /** The word on the button. */
  readonly action: string
  /** The route, such as `subscriptions/move`. */
  readonly path: string
  /** Undefined: the form is not complete. */
  readonly body: object | undefined
  readonly done: (answer: Answer) => void
  readonly close: () => void
  readonly children: ComponentChildren
}

export function FormDialog<Answer>(props: FormDialogProps<Answer>) {
  const { title, action, path, body, done, close, children } = props
  const { isRunning, failure, run } = useAction(done)
  return (
    <Dialog title={title} close={close}>
      <form
        class="form"
        onSubmit={async (event) => {
          event.preventDefault()
          if (body !== undefined && (await run(path, body))) close()
        }}
      >
        {children}
        {failure !== undefined && (
          <p class="problem" role="alert">
            {failure}
          </p>
        )}
        <p class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="main" disabled={body === undefined || isRunning}>
            {isRunning ? `${action} …` : action}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
