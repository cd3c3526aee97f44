/** The limits on the size of events. */
import { checkInteger } from './checks.ts'
import { optionsOf } from './options.ts'

/** The limits of a store on the size of events. */
export interface InputLimits {
  /** The largest payload of one event, and its largest metadata, in bytes of JSON (UTF-8). @default 1,048,576 */
  readonly maxPayloadBytes?: number | undefined
  /** The largest sum of all events of one call, in bytes of JSON. @default 67,108,864 */
  readonly maxAppendBytes?: number | undefined
}

export const defaultPayloadBytes = 1_048_576
export const defaultAppendBytes = 67_108_864

/** Checks the limits among a store's options, and returns them. @throws InvalidInputError */
export function checkedLimits(options: InputLimits): InputLimits {
  const { maxPayloadBytes, maxAppendBytes } = optionsOf(options, ['maxPayloadBytes', 'maxAppendBytes'])
  if (maxPayloadBytes !== undefined) checkInteger(maxPayloadBytes, 'maxPayloadBytes', 1)
  if (maxAppendBytes !== undefined) checkInteger(maxAppendBytes, 'maxAppendBytes', 1)
  return { maxPayloadBytes, maxAppendBytes }
}
