/** How events look in tables of text. */
import type { RecordedEvent } from '@eventsourced/core'
import type { Column } from './printer.ts'

const dataWidth = 80

export const eventColumns: readonly Column<RecordedEvent>[] = [
  { title: 'position', width: 10, align: 'right', text: ({ position }) => String(position) },
  { title: 'recorded at', width: 24, text: ({ recordedAt }) => recordedAt.toISOString() },
  { title: 'stream', width: 24, text: ({ streamId }) => streamId },
  { title: 'version', width: 7, align: 'right', text: ({ version }) => String(version) },
  { title: 'type', width: 20, text: ({ type }) => type },
  { title: 'data', width: 0, text: ({ data }) => shortened(JSON.stringify(data)) },
]

/** The columns of events of one stream. */
export const streamColumns: readonly Column<RecordedEvent>[] = eventColumns.filter(
  ({ title }) => title !== 'stream',
)

function shortened(text: string): string {
  return text.length <= dataWidth ? text : `${text.slice(0, dataWidth - 1)}…`
}
