/** Hooks that show documents of a view, live. */
import { useMemo, useSyncExternalStore } from 'react'
import {
  connectionTo,
  type LiveDocument,
  type LiveStatus,
  type LiveViewError,
  nothingYet,
} from './connection.ts'

/** What a component gets besides the documents. */
interface Live {
  readonly status: LiveStatus
  /** Why the status is `failed`; otherwise undefined. */
  readonly error: LiveViewError | undefined
}

/** The document of a URL that was made with `sse(view, request, { key })`. */
export interface LiveView<State> extends Live {
  /** The state of the document, or `initial` until the server has sent it; undefined if there is no document. */
  readonly state: State | undefined
}

/** The documents of a URL that was made with `sse(view, request, { prefix })`. */
export interface LiveDocuments<State> extends Live {
  /** In order of their keys, by UTF-16 units; `initial` until the server has sent them. */
  readonly documents: readonly LiveDocument<State>[]
}

/**
 * Shows a document, live. `url`: where the server calls `sse` with a `key`. All components with the same URL share one
 * connection. If the connection is lost, the hook connects again, and shows the last state until the server has sent the
 * present one. While a server renders the component, the hook returns `initial`.
 */
export function useView<State>(url: string, options: { readonly initial?: State } = {}): LiveView<State> {
  const { status, error, documents } = useConnection(url)
  if (documents === undefined) return { status, error, state: options.initial }
  const [document] = documents.values()
  return { status, error, state: document?.state as State | undefined }
}

/** Shows all documents of a prefix, live. `url`: where the server calls `sse` with a `prefix`. Otherwise as `useView`. */
export function useDocuments<State>(
  url: string,
  options: { readonly initial?: readonly LiveDocument<State>[] } = {},
): LiveDocuments<State> {
  const { status, error, documents } = useConnection(url)
  const sorted = useMemo(
    () => documents && [...documents.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    [documents],
  )
  const shown = sorted as readonly LiveDocument<State>[] | undefined
  return { status, error, documents: shown ?? options.initial ?? [] }
}

function useConnection(url: string) {
  // A connection that was closed is replaced by a new one, so each subscription asks for the present one.
  const [subscribe, snapshot] = useMemo(
    () => [(listener: () => void) => connectionTo(url).subscribe(listener), () => connectionTo(url).snapshot],
    [url],
  )
  return useSyncExternalStore(subscribe, snapshot, () => nothingYet)
}
