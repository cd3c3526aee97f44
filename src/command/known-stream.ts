/** What is known about a stream: the state of its folded events. */

/** The state of a stream at a version. The id of the last event shows whether a stream still has the folded events. */
export interface KnownStream<State> {
  readonly state: State
  readonly version: number
  readonly position: number
  readonly lastId: string | undefined
  readonly snapshot: KnownSnapshot
}

/** What is known about the stored snapshot of a stream. All states of the stream that follow each other share it. */
export interface KnownSnapshot {
  /** The version of the last snapshot; 0 if there is none that can be used. */
  at: number
  /** The version of a stored snapshot that cannot be used, and must be replaced. */
  wrong: number | undefined
}
