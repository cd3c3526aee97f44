/** Shows events as the API answers with them: redacted, and in lists cut. */
import type { RecordedEvent } from '@eventsourced/core'
import type { ConsoleContext } from '../options.ts'
import type { EventShape } from '../shapes/event.ts'
import { cut, cutRecord } from './cut.ts'
import { redacted, redactedRecord } from './redaction.ts'

type Redaction = Pick<ConsoleContext, 'redact'>

/** An event with all its data. */
export function wholeEvent(context: Redaction, event: RecordedEvent): EventShape {
  const { id, streamId, version, position, type, tags = [], recordedAt } = event
  const of = { source: streamId, name: type }
  return {
    ...{ id, streamId, version, position, type },
    data: redacted(context, event.data, { kind: 'event', ...of }),
    metadata: redactedRecord(context, event.metadata, { kind: 'metadata', ...of }),
    tags: [...tags],
    recordedAt: recordedAt.toISOString(),
    isCut: false,
  }
}

/** An event as an item of a list. */
export function listedEvent(context: Redaction, event: RecordedEvent): EventShape {
  const whole = wholeEvent(context, event)
  const data = cut(whole.data as Parameters<typeof cut>[0])
  const metadata = cutRecord(whole.metadata)
  return { ...whole, data: data.value, metadata: metadata.value, isCut: data.isCut || metadata.isCut }
}
