/** A live plot: its last, smallest and largest value as text, and a line for each track. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Legend } from './legend.tsx'
import { summaryOf, type Tracks } from './tracks.ts'

interface PlotProps {
  readonly title: string
  /** What the numbers are, and what they are not. */
  readonly note?: string
  readonly tracks: Tracks
  readonly format: (value: number) => string
  /** In pixels. @default 120 */
  readonly height?: number
  /** The address for the name of a track. @default no links */
  readonly linkOf?: (name: string) => string
}

export function Plot({ title, note, tracks, format, height = 120, linkOf }: PlotProps) {
  const [pointed, setPointed] = useState<number>()
  const host = useRef<HTMLDivElement>(null)
  const drawn = useCanvas(host, tracks, format, height, setPointed)
  const [only] = tracks.tracks
  const summary = tracks.tracks.length === 1 && only !== undefined ? summaryOf(only) : undefined
  const value = pointed === undefined ? summary?.last : (only?.values[pointed] ?? undefined)
  const time = pointed === undefined ? undefined : tracks.times[pointed]
  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        {summary !== undefined && (
          <p class="value">
            <strong>{value === undefined ? '–' : format(value)}</strong>
            <span>
              {time === undefined
                ? `min ${format(summary.min)} · max ${format(summary.max)}`
                : `at ${new Date(time * 1000).toTimeString().slice(0, 8)}`}
            </span>
          </p>
        )}
        {note !== undefined && <p class="note">{note}</p>}
      </figcaption>
      {tracks.times.length === 0 && <p class="loading">Waiting for the first sample…</p>}
      <div ref={host} class="canvas" style={{ minHeight: `${height}px` }} aria-hidden="true" />
      {drawn !== undefined && <p class="problem">{drawn}</p>}
      {(tracks.tracks.length !== 1 || linkOf !== undefined) && (
        <Legend title={title} tracks={tracks} format={format} linkOf={linkOf} />
      )}
    </figure>
  )
}

/** Draws when there is something to draw, and again with each sample. Returns why it cannot. */
function useCanvas(
  host: { readonly current: HTMLDivElement | null },
  tracks: Tracks,
  format: (value: number) => string,
  height: number,
  pointed: (index: number | undefined) => void,
): string | undefined {
  const [failure, setFailure] = useState<string>()
  const canvas = useRef<{ update: (tracks: Tracks) => void }>(undefined)
  const latest = useRef(tracks)
  latest.current = tracks
  const names = tracks.tracks.map(({ name }) => name).join('\n')
  const hasData = tracks.times.length > 0
  useEffect(() => {
    if (!hasData) return
    let isGone = false
    let remove = () => {}
    import('./canvas.ts').then(
      ({ drawPlot }) => {
        if (isGone || host.current === null) return
        const drawn = drawPlot(host.current, latest.current, { height, format, pointed })
        canvas.current = drawn
        remove = drawn.remove
      },
      () => setFailure('The plot could not be loaded. Reload the page to try again.'),
    )
    return () => {
      isGone = true
      canvas.current = undefined
      remove()
    }
  }, [names, hasData, height])
  useEffect(() => canvas.current?.update(tracks), [tracks])
  return failure
}
