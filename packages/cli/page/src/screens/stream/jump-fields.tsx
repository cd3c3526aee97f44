/** The fields that jump: to a version by its number, and to the version that the stream had at a time. */
import { useId, useState } from 'preact/hooks'
import type { Timeline } from '../../../../src/console/shapes/stream.ts'
import { get } from '../../api/client.ts'

interface JumpFieldsProps {
  readonly id: string
  readonly first: number
  readonly last: number
  readonly show: (version: number) => void
}

export function JumpFields({ id, first, last, show }: JumpFieldsProps) {
  const [failure, setFailure] = useState<string>()
  const versionField = useId()
  const timeField = useId()
  const jump = (form: HTMLFormElement) => {
    setFailure(undefined)
    show(Number(new FormData(form).get('version')))
  }
  const jumpToTime = async (form: HTMLFormElement) => {
    setFailure(undefined)
    const asOf = `${new FormData(form).get('time')}Z`
    try {
      const query = { id, asOf: new Date(asOf).toISOString(), direction: 'backward', limit: 1 }
      const { events } = await get<Timeline>('stream', query)
      show(events[0]?.version ?? 0)
      if (events.length === 0) setFailure('The stream had no events at this time.')
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <div class="jumps">
      <form onSubmit={submitted(jump)}>
        <div class="field">
          <label for={versionField}>Jump to version</label>
          <div class="joined">
            <input id={versionField} name="version" type="number" min={first} max={last} required />
            <button type="submit">Jump</button>
          </div>
        </div>
      </form>
      <form onSubmit={submitted(jumpToTime)}>
        <div class="field">
          <label for={timeField}>As of (UTC)</label>
          <div class="joined">
            <input id={timeField} name="time" type="datetime-local" step={1} required />
            <button type="submit">Show</button>
          </div>
        </div>
      </form>
      <span role="status" class="problem">
        {failure}
      </span>
    </div>
  )
}

function submitted(act: (form: HTMLFormElement) => void | Promise<void>) {
  return (event: SubmitEvent) => {
    event.preventDefault()
    void act(event.currentTarget as HTMLFormElement)
  }
}
