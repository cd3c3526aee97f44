/** Verifying a projection: its documents are made anew and compared with the present ones. */
import type { CallOptions } from '../store.ts'
import type { RebuildProgress } from './rebuild.ts'

export interface VerifyOptions extends CallOptions {
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined
  /** Most differences that are told one by one. @default 100 */
  readonly limit?: number | undefined
}

export interface VerifyResult {
  /** True if there is no difference. */
  readonly ok: boolean
  readonly events: number
  /** Up to which position the documents were compared. */
  readonly position: number
  readonly documents: number
  /** By key; `expected` is what the events make, `actual` what is read now; undefined: no document. */
  readonly differences: readonly {
    readonly key: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}
