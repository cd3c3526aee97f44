/** The graph of a trace: a lane for each stream, and arrows from causes to effects. */
import { useMemo } from 'preact/hooks'
import type { TracedEventShape } from '../../../../src/console/shapes/event.ts'
import { address } from '../../route.ts'
import { layout, type PlacedEvent } from './graph-layout.ts'

interface TraceGraphProps {
  readonly events: readonly TracedEventShape[]
}

const box = { width: 140, height: 34 }
const columnWidth = box.width + 34
const laneHeight = 58
const margin = 14

export function TraceGraph({ events }: TraceGraphProps) {
  const { lanes, columns, events: placed, arrows } = useMemo(() => layout(events), [events])
  const width = margin * 2 + columns * columnWidth - (columnWidth - box.width)
  const height = lanes.length * laneHeight
  return (
    <div class="graph">
      <ul class="lanes" aria-label="Streams">
        {lanes.map((stream) => (
          <li key={stream}>
            <a href={address('stream', { id: stream })} title={stream}>
              {stream}
            </a>
          </li>
        ))}
      </ul>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard */}
      <section class="lane-events" aria-label="Graph of causes and effects" tabIndex={0}>
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          <title>Events from left to right in the order of the log</title>
          <defs>
            <marker
              id="arrow"
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="8"
              markerHeight="8"
              orient="auto"
            >
              <path d="M0 0 8 4 0 8z" />
            </marker>
          </defs>
          {lanes.map((stream, lane) => (
            <rect
              key={stream}
              class={lane % 2 === 0 ? 'lane' : 'lane odd'}
              y={lane * laneHeight}
              width={width}
              height={laneHeight}
            />
          ))}
          {arrows.map(({ from, to }) => (
            <path key={to.event.id} class="arrow" d={curve(from, to)} marker-end="url(#arrow)" />
          ))}
          {placed.map((one) => (
            <Node key={one.event.id} placed={one} />
          ))}
        </svg>
      </section>
    </div>
  )
}

function Node({ placed }: { readonly placed: PlacedEvent }) {
  const { id, type, streamId, version, position, cause } = placed.event
  const { x, y } = corner(placed)
  return (
    <a
      href={address('event', { position })}
      class={cause === undefined ? 'node root' : 'node'}
      aria-label={`${type}, version ${version} of ${streamId}, position ${position}`}
    >
      <title>{`${type}\n${streamId}, version ${version}\nposition ${position}\nid ${id}`}</title>
      <rect x={x} y={y} width={box.width} height={box.height} rx={6} />
      <text x={x + box.width / 2} y={y + box.height / 2} dominant-baseline="central" text-anchor="middle">
        {type.length > 18 ? `${type.slice(0, 17)}…` : type}
      </text>
    </a>
  )
}

function corner({ lane, column }: PlacedEvent) {
  return { x: margin + column * columnWidth, y: lane * laneHeight + (laneHeight - box.height) / 2 }
}

/** From the right side of the cause to the left side of the effect. */
function curve(from: PlacedEvent, to: PlacedEvent): string {
  const start = corner(from)
  const end = corner(to)
  const x = start.x + box.width
  const middle = box.height / 2
  const bend = Math.max(20, (end.x - x) / 2)
  const [y1, y2] = [start.y + middle, end.y + middle]
  return `M${x} ${y1}C${x + bend} ${y1} ${end.x - bend} ${y2} ${end.x - 1} ${y2}`
}
