/** What readers of documents get. */

/** A document, as readers get it. */
export interface ViewDocument<State> {
  readonly key: string
  readonly state: State
  /** The number of writes since the document was created: 1 for a new document. */
  readonly revision: number
  /** The position of the last event that changed the document; 0 if a handler wrote it. */
  readonly position: number
}

/** The newest state of a document after a change. The caller may have missed states in between. */
export interface DocumentChange<State> {
  readonly key: string
  /** `undefined` if there is no such document. */
  readonly state: State | undefined
  /** The number of writes since the document was created; 0 if there is no such document. */
  readonly revision: number
  /**
   * The position of the event that changed the document; for a reset, the position up to which the state is complete. The
   * state may already contain later events. Pass it as `after` to resume.
   */
  readonly position: number
  /** Which set of documents the state belongs to. Each rebuild makes a new one. */
  readonly generation: number
  /**
   * True if the state does not continue the former ones: it is the first one, the projection was rebuilt or dropped, it
   * has handled a parked event, or the caller was too slow. After a rebuild, the revision and the position may be lower than before.
   */
  readonly reset: boolean
}

/** All documents of a watched prefix. They replace all that the watch has yielded before. */
export interface ViewSnapshot<State> {
  readonly reset: true
  /** In order of their keys. */
  readonly documents: readonly ViewDocument<State>[]
  /** The position up to which the documents are complete. Pass it as `after` to resume. */
  readonly position: number
  readonly generation: number
}

/** What a watch of a prefix yields: `reset` tells a snapshot from a change of one document. */
export type PrefixChange<State> = (DocumentChange<State> & { readonly reset: false }) | ViewSnapshot<State>
