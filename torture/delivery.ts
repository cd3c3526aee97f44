/** What those who follow the log write down of the events that reach them. */
export type Delivered = readonly [position: number, stream: string, version: number, name: string]

export interface DeliveryLine {
  /** The process, and which one of those that were started in its place. */
  readonly by: string
  /** When they were handled, in microseconds. */
  readonly at: number
  readonly events: readonly Delivered[]
}
