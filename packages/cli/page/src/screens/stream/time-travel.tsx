/** Moves through the versions of a stream: the slider, the state and the event of the chosen version. */
import type { StateShape, StreamShape, Timeline } from '../../../../src/console/shapes/stream.ts'
import { useStepped } from '../../api/use-stepped.ts'
import { counted } from '../../parts/number.ts'
import { EventPanel } from './event-panel.tsx'
import { JumpFields } from './jump-fields.tsx'
import { StatePanel } from './state-panel.tsx'
import type { ShownVersion } from './use-version.ts'
import { VersionControls } from './version-controls.tsx'

interface TimeTravelProps {
  readonly stream: StreamShape
  readonly decider: string | undefined
  readonly choose: (decider: string) => void
  readonly shown: ShownVersion
  /** The lowest version of the slider. Version 0 has a state, but no event. */
  readonly first: number
}

export function TimeTravel({ stream, decider, choose, shown, first }: TimeTravelProps) {
  const { streamId: id, version: last } = stream
  const { version, show } = shown
  const neighbours = [version + 1, version - 1]
  const stateOf = (version: number) => ({ id, decider, version })
  const eventOf = (version: number) => ({ id, from: version, limit: 1 })
  const state = useStepped<StateShape>(
    decider === undefined ? undefined : 'state',
    stateOf(version),
    neighbours.filter((one) => one >= 0 && one <= last).map(stateOf),
  )
  const page = useStepped<Timeline>(
    version === 0 ? undefined : 'stream',
    eventOf(version),
    neighbours.filter((one) => one >= 1 && one <= last).map(eventOf),
  )
  const newer = last - version
  return (
    <section class="time-travel" id="time-travel" aria-label="Time travel">
      <div class="travel-bar">
        <VersionControls
          version={version}
          first={first}
          last={last}
          isReady={!state.isLoading && !page.isLoading}
          show={show}
        />
        <JumpFields id={id} first={first} last={last} show={show} />
      </div>
      <p class="newer" role="status">
        {!shown.isNewest && newer > 0 && (
          <>
            The stream has {counted(newer, 'newer event')}.{' '}
            <button type="button" class="link" onClick={() => show(undefined)}>
              Show the newest
            </button>
          </>
        )}
      </p>
      <div class={decider === undefined ? 'panels stateless' : 'panels'}>
        <StatePanel state={state} decider={decider} choose={choose} />
        <EventPanel version={version} page={page} />
      </div>
    </section>
  )
}
