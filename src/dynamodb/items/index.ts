/** `@eventsourced/core/dynamodb/items`: decodes items of the tables that DynamoDB Streams or an export hand to you. */
export { type DecodedCommit, eventsOf } from './events-of.ts'
export type { ItemImage } from './image.ts'
export { type ItemKind, kindOf } from './kind-of.ts'
export { type DecodedRun, type DecodedSlot, slotOf } from './slot-of.ts'
