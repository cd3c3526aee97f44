/** A button that calls the API, perhaps after a question, and shows whether it worked. */
import { useState } from 'preact/hooks'
import { useAction } from '../api/use-action.ts'
import { useStore } from '../store.ts'
import { Confirm } from './confirm.tsx'

interface ActionButtonProps<Answer> {
  /** The word on the button. */
  readonly label: string
  /** The route, such as `subscriptions/pause`. */
  readonly path: string
  readonly body: object
  /** What the action does, if the user must confirm it. @default no question */
  readonly consequence?: string | undefined
  /** The name that the user must type, for what destroys. The API gets it as `confirm`. @default none */
  readonly name?: string | undefined
  /** There is nothing to act on. @default false */
  readonly isOff?: boolean | undefined
  /** Called after the action, with its answer. */
  readonly done: (answer: Answer) => void
}

export function ActionButton<Answer>(props: ActionButtonProps<Answer>) {
  const { label, path, body, consequence, name, isOff = false, done } = props
  const { isReadOnly } = useStore()
  const [isAsking, setIsAsking] = useState(false)
  const { isRunning, failure, run } = useAction(done)
  const act = () => void run(path, name === undefined ? body : { ...body, confirm: name })
  return (
    <>
      <button
        type="button"
        class={name === undefined ? undefined : 'danger'}
        disabled={isReadOnly || isRunning || isOff}
        title={isReadOnly ? 'This console is read-only' : undefined}
        onClick={() => (consequence === undefined ? act() : setIsAsking(true))}
      >
        {isRunning ? `${label} …` : label}
      </button>
      {failure !== undefined && (
        <span class="problem" role="alert">
          {failure}
        </span>
      )}
      {isAsking && (
        <Confirm
          title={`${label}?`}
          consequence={consequence ?? ''}
          action={label}
          name={name}
          confirmed={act}
          close={() => setIsAsking(false)}
        />
      )}
    </>
  )
}
