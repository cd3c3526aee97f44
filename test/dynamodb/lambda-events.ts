/** Events and contexts as Lambda passes them to a handler. */
import type { LambdaContext } from '@eventsourced/core/dynamodb/lambda'

/** A record of DynamoDB Streams with the view KEYS_ONLY. */
export function recordOf(p: string, s: string, eventName = 'INSERT') {
  return {
    eventID: crypto.randomUUID(),
    eventName,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: { Keys: { p: { S: p }, s: { S: s } }, StreamViewType: 'KEYS_ONLY' },
  }
}

/** The record of a new slot. */
export const newSlot: object = { Records: [recordOf('L#1#0#0', '0000000000000001')] }

/** An event of EventBridge. */
export const scheduled: object = {
  version: '0',
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  detail: {},
}

/** The context of an invocation that begins now, and has this time, in milliseconds. */
export function contextWith(time: number): LambdaContext {
  const end = performance.now() + time
  return { getRemainingTimeInMillis: () => Math.max(0, end - performance.now()) }
}
