/**
 * One watch: what its caller has not taken yet. It holds the newest entry of each changed document, in the order of their
 * positions. A caller that is so slow that there are too many gets the present state instead:
 *
 *     feed ──offer──▶ entries, at most 256 ──take──▶ caller
 *                        │ too many, or a rebuild
 *                        ▼
 *                     reset ──take──▶ reads the present state
 */
import { abortable } from '../runtime/abort.ts'
import type { StoredDocument } from '../storage/projections.ts'

const mostEntries = 256

/** Which documents a watch wants: the one with this key, or all whose key begins with this text. */
export interface Scope {
  readonly kind: 'key' | 'prefix'
  readonly text: string
}

/** A document after a change; `document` is undefined if it was deleted. */
export interface ReadDocument {
  readonly document: StoredDocument | undefined
  readonly generation: number
}

/** The present state of a scope. */
export interface Snapshot {
  readonly documents: readonly StoredDocument[]
  readonly generation: number
  /** The position up to which the documents are complete. */
  readonly position: number
}

export type Taken =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'change'; readonly key: string; readonly position: number; readonly read: ReadDocument }

/** Reads documents for a watcher. A read that began before `since` is too old. */
export interface DocumentSource {
  now(): number
  document(key: string, since: number): Promise<ReadDocument>
  snapshot(scope: Scope): Promise<Snapshot>
}

interface Entry {
  readonly position: number
  /** Undefined if it must still be read. */
  readonly read: ReadDocument | undefined
  /** The read began, or must begin, at this moment or later. */
  readonly since: number
}

export class Watcher {
  readonly scope: Scope
  readonly #source: DocumentSource
  #entries = new Map<string, Entry>()
  /** Changes up to this position (inclusive) are not wanted: the caller has them from an earlier watch. */
  #seenUntil = 0
  /** The caller may have a state that was read before this moment. A change with an older read is read again. */
  #newestRead: number
  #isReset = false
  #failure: { readonly error: unknown } | undefined
  #wake = () => {}

  constructor(scope: Scope, source: DocumentSource) {
    this.scope = scope
    this.#source = source
    // Perhaps the caller has a state from another process, and resumes here.
    this.#newestRead = source.now()
  }

  wants(key: string): boolean {
    const { kind, text } = this.scope
    return kind === 'key' ? key === text : key.startsWith(text)
  }

  /** Leaves out the changes up to a position (inclusive). */
  skipUntil(position: number): void {
    this.#seenUntil = position
    for (const [key, entry] of this.#entries) if (entry.position <= position) this.#entries.delete(key)
  }

  /** Adds a change that comes after all earlier ones. */
  offer(key: string, entry: Entry): void {
    if (this.#isReset || this.#failure !== undefined || entry.position <= this.#seenUntil) return
    this.#entries.delete(key)
    const { position, since } = entry
    const isNew = since > this.#newestRead
    this.#entries.set(key, isNew ? entry : { position, read: undefined, since: this.#source.now() })
    if (this.#entries.size > mostEntries) this.reset()
    this.#wake()
  }

  /** Adds changes that the caller has missed, each with its position. Later changes of the same documents replace them. */
  offerMissed(missed: ReadonlyMap<string, number>): void {
    if (this.#isReset) return
    const since = this.#source.now()
    const merged = new Map(this.#entries)
    for (const [key, position] of missed)
      if (!merged.has(key)) merged.set(key, { position, read: undefined, since })
    this.#entries = new Map([...merged].sort(([, a], [, b]) => a.position - b.position))
    if (this.#entries.size > mostEntries) this.reset()
  }

  /** Makes the next `take` return the present state. */
  reset(): void {
    this.#isReset = true
    this.#entries.clear()
    this.#wake()
  }

  /** Makes this and all later calls of `take` throw. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#entries.clear()
    this.#wake()
  }

  /** Waits for a change, and returns it. One call at a time. */
  async take(signal: AbortSignal): Promise<Taken> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#isReset) {
        const snapshot = await this.#takeSnapshot(signal)
        if (snapshot !== undefined) return { kind: 'snapshot', snapshot }
        continue
      }
      const [first] = this.#entries
      if (first === undefined) {
        await this.#change(signal)
        continue
      }
      const [key, entry] = first
      const read = entry.read ?? (await this.#read(key, entry.since, signal))
      const present = this.#entries.get(key)
      // A reset or a failure has come meanwhile.
      if (present === undefined) continue
      if (present === entry) this.#entries.delete(key)
      // A newer change has come meanwhile, and its read may be older than this one. So the document is read again for it.
      else this.#entries.set(key, { position: present.position, read: undefined, since: this.#newestRead })
      return { kind: 'change', key, position: entry.position, read }
    }
  }

  async #read(key: string, since: number, signal: AbortSignal): Promise<ReadDocument> {
    const read = await abortable(this.#source.document(key, since), signal)
    this.#newestRead = this.#source.now()
    return read
  }

  /** Returns undefined if another reset or a failure has come meanwhile. */
  async #takeSnapshot(signal: AbortSignal): Promise<Snapshot | undefined> {
    this.#isReset = false
    const snapshot = await abortable(this.#source.snapshot(this.scope), signal)
    if (this.#isReset || this.#failure !== undefined) return undefined
    const since = this.#source.now()
    this.#newestRead = since
    for (const [key, { position }] of this.#entries)
      this.#entries.set(key, { position, read: undefined, since })
    return snapshot
  }

  async #change(signal: AbortSignal): Promise<void> {
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    try {
      await abortable(changed, signal)
    } finally {
      this.#wake = () => {}
    }
  }
}
