/** The field that jumps to a stream, an event, or a correlation, and asks if it cannot know which one is meant. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { address, go } from '../../route.ts'
import { findTarget } from './find-target.ts'

export function GoTo() {
  const [text, setText] = useState('')
  const [asked, setAsked] = useState<string>()
  const [failure, setFailure] = useState<string>()
  const [isRunning, setIsRunning] = useState(false)
  const running = useRef<AbortController | undefined>(undefined)
  const id = useId()
  useEffect(() => () => running.current?.abort(), [])
  const find = async (sought: string) => {
    running.current?.abort()
    const controller = new AbortController()
    running.current = controller
    setAsked(undefined)
    setFailure(undefined)
    setIsRunning(true)
    try {
      const target = await findTarget(sought, controller.signal)
      if (controller.signal.aborted) return
      if (target === undefined) setAsked(sought)
      else go(target)
    } catch (error) {
      if (controller.signal.aborted) return
      setFailure(error instanceof Error ? error.message : String(error))
    }
    setIsRunning(false)
  }
  return (
    <form
      class="go-to"
      onSubmit={(event) => {
        event.preventDefault()
        const sought = text.trim()
        if (sought !== '') void find(sought)
      }}
    >
      <div class="field">
        <label for={id}>Go to a stream, position, event or correlation</label>
        <div class="joined">
          <input
            id={id}
            value={text}
            placeholder="order-1, 4711 or a UUID"
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
          <button type="submit" disabled={isRunning}>
            Go
          </button>
        </div>
      </div>
      <div role="status">
        {failure !== undefined && <p class="problem">{failure}</p>}
        {asked !== undefined && (
          <p class="ask">
            No stream is named <b>{asked}</b>. Did you mean{' '}
            <a href={address('streams', { prefix: asked })}>streams that begin so</a>,{' '}
            <a href={address('trace', { correlation: asked })}>the events of this correlation</a>, or{' '}
            <a href={address('event', { id: asked })}>the event with this id</a>?
          </p>
        )}
      </div>
    </form>
  )
}
