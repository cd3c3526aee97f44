/** How Lambda reads the stream of the log: the same in CloudFormation and Terraform. */
import { slotKeyPrefix } from '../log/slot-stream.ts'

/** Only new slots start the function: not the checkpoints and documents that it writes itself. */
export const streamFilter: string = JSON.stringify({
  eventName: ['INSERT'],
  dynamodb: { Keys: { p: { S: [{ prefix: slotKeyPrefix }] } } },
})

/**
 * The most records in one call. A call handles what is in the log, whatever records it gets, so more records mean fewer
 * calls.
 */
export const streamBatchSize = 1_000
