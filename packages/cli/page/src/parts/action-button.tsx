/** A button that calls the API, perhaps after a question, and shows whether it worked. */
import { useState } from 'preact/hooks'
import { post } from '../api/client.ts'
import { useStore } from '../store.ts'
import { Confirm } from './confirm.tsx'

interface ActionButtonProps {
  /** The word on the button. */
  readonly label: string
  /** The route, such as `subscriptions/pause`. */
  readonly path: string
  readonly body: object
  /** What the action does, if the user must confirm it. @default no question */
  readonly consequence?: string | undefined
  /** The name that the user must type, for what destroys. The API gets it as `confirm`. @default none */
  readonly name?: string | undefined
  /** Called after the action, with its answer. */
  readonly done: (answer: unknown) => void
}

export function ActionButton({ label, path, body, consequence, name, done }: ActionButtonProps) {
  const { isReadOnly } = useStore()
  const [isAsking, setIsAsking] = useState(false)
  const [isRunning, setIsRunning] = useState(false)
  const [failure, setFailure] = useState<string>()
  const act = async () => {
    setIsRunning(true)
    setFailure(undefined)
    try {
      done(await post(path, name === undefined ? body : { ...body, confirm: name }))
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
    setIsRunning(false)
  }
  return (
    <>
      <button
        type="button"
        class={name === undefined ? undefined : 'danger'}
        disabled={isReadOnly || isRunning}
        title={isReadOnly ? 'This console is read-only' : undefined}
        onClick={() => (consequence === undefined ? void act() : setIsAsking(true))}
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
          confirmed={() => void act()}
          close={() => setIsAsking(false)}
        />
      )}
    </>
  )
}
