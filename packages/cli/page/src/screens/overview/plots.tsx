/** The live plots of the overview. */
import { useMemo } from 'preact/hooks'
import type { Sample } from '../../../../src/console/shapes/store.ts'
import { counted, shortDigits } from '../../parts/number.ts'
import { duration } from '../../parts/time.tsx'
import { Plot } from '../../plots/plot.tsx'
import { type Reading, tracksOf } from '../../plots/tracks.ts'
import { address } from '../../route.ts'
import { useStore } from '../../store.ts'

/** As many lines as a reader can tell apart. */
const mostLags = 6

const growth = {
  growth: (sample, before) => before && Math.max(0, sample.head - before.sample.head) / before.seconds,
} satisfies Record<string, Reading>
const heldFor = { heldFor: (sample) => sample.heldFor } satisfies Record<string, Reading>
const answer = { answer: (sample) => sample.duration } satisfies Record<string, Reading>
const appends = {
  Appends: (sample, before) => before && sample.appends && sample.appends.count / before.seconds,
  Conflicts: (sample, before) => before && sample.appends && sample.appends.conflicts / before.seconds,
} satisfies Record<string, Reading>
const commitTime = { commit: (sample) => sample.appends?.commitTime } satisfies Record<string, Reading>

const perSecond = (value: number) => `${shortDigits(value)}/s`

export function Plots({ samples }: { readonly samples: readonly Sample[] }) {
  const { hasMetrics } = useStore()
  const lags = useMemo(() => lagReadings(samples), [samples])
  const plotted = (readings: Readonly<Record<string, Reading>>) => tracksOf(samples, readings)
  const known = Object.keys(samples.at(-1)?.lags ?? {}).length
  return (
    <section>
      <h2>Last ten minutes</h2>
      <div class="plots">
        <Plot
          title="Events per second"
          note="Counted by positions, of which a few have no event."
          tracks={plotted(growth)}
          format={perSecond}
        />
        <Plot
          title="Frontier held for"
          note="How long readers wait for an open append."
          tracks={plotted(heldFor)}
          format={duration}
        />
        <Plot
          title="Answer of the database"
          note="The time it takes to answer this console."
          tracks={plotted(answer)}
          format={duration}
        />
        <Plot
          title="Lag of subscriptions"
          note={
            known > mostLags
              ? `The ${mostLags} with the largest lag of ${counted(known, 'subscription')}, in positions.`
              : 'In positions, up to the end of the log.'
          }
          tracks={plotted(lags)}
          format={shortDigits}
          linkOf={(name) => address('subscription', { name })}
        />
        {hasMetrics && (
          <>
            <Plot
              title="Appends and conflicts"
              note="As the appending processes have counted them."
              tracks={plotted(appends)}
              format={perSecond}
            />
            <Plot
              title="Commit time"
              note="The mean of the commits of each second."
              tracks={plotted(commitTime)}
              format={duration}
            />
          </>
        )}
      </div>
      {!hasMetrics && (
        <p class="empty">
          Append rate, conflicts and commit times come from the appending processes: start the console with{' '}
          <code>--metrics URL</code>, as docs/console.md shows.
        </p>
      )}
    </section>
  )
}

/** The subscriptions with the largest lags of these samples, by name, so that they keep their colours. */
function lagReadings(samples: readonly Sample[]): Readonly<Record<string, Reading>> {
  const largest = new Map<string, number>()
  for (const { lags } of samples) {
    for (const [name, lag] of Object.entries(lags)) {
      largest.set(name, Math.max(lag, largest.get(name) ?? 0))
    }
  }
  const names = [...largest].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, mostLags)
  return Object.fromEntries(
    names
      .map(([name]) => name)
      .sort()
      .map((name): [string, Reading] => [name, ({ lags }) => lags[name]]),
  )
}
