/** Shows facts about a stream as the API answers with them. */
import type { StreamInfo } from '@eventsourced/core'
import type { ConsoleContext } from '../options.ts'
import type { StreamShape } from '../shapes/stream.ts'
import { cutRecord } from './cut.ts'
import { redactedRecord } from './redaction.ts'

export function shownStream(context: Pick<ConsoleContext, 'redact'>, stream: StreamInfo): StreamShape {
  const { streamId, version, createdAt, lastRecordedAt } = stream
  const metadata = redactedRecord(context, stream.metadata, { kind: 'metadata', source: streamId, name: '' })
  return {
    ...{ streamId, version },
    createdAt: createdAt.toISOString(),
    ...(lastRecordedAt && { lastRecordedAt: lastRecordedAt.toISOString() }),
    metadata: cutRecord(metadata).value,
  }
}
