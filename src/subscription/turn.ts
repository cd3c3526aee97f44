/** Tells a handler of several calls for one event whether it may begin the next one. */
export interface Turn {
  /** Changes when the present call is over: it has ended, has taken too long, or was abandoned. */
  readonly number: number
}
