/** The tracks of a plot by name, with their last, smallest and largest value. */
import { summaryOf, type Tracks } from './tracks.ts'

interface LegendProps {
  readonly title: string
  readonly tracks: Tracks
  readonly format: (value: number) => string
  readonly linkOf: ((name: string) => string) | undefined
}

export function Legend({ title, tracks: { tracks }, format, linkOf }: LegendProps) {
  if (tracks.length === 0) return null
  return (
    <table class="legend">
      <caption class="hidden">{title}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          {['Last', 'Min', 'Max'].map((title) => (
            <th key={title} scope="col" class="number">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {tracks.map((track, index) => {
          const summary = summaryOf(track)
          const shown = (value: number | undefined) => (value === undefined ? '–' : format(value))
          return (
            <tr key={track.name}>
              <th scope="row">
                <svg class="mark" viewBox="0 0 24 6" aria-hidden="true">
                  <line x1="0" y1="3" x2="24" y2="3" class={`track-${index + 1}`} />
                </svg>
                {linkOf === undefined ? track.name : <a href={linkOf(track.name)}>{track.name}</a>}
              </th>
              {[summary?.last, summary?.min, summary?.max].map((value, column) => (
                <td
                  key={['last', 'min', 'max'][column]}
                  class="number"
                  data-title={['Last', 'Min', 'Max'][column]}
                >
                  {shown(value)}
                </td>
              ))}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
