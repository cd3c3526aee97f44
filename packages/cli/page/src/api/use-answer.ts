/** Reads from the API while a part of the page is shown. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, get, type Query } from './client.ts'
import { onReturn } from './connection.ts'

export interface Answered<Answer> {
  /** The last answer; undefined before the first one, and after the query has changed. */
  readonly answer: Answer | undefined
  /** Why the last request failed; undefined if it did not. */
  readonly error: ApiError | undefined
  readonly isLoading: boolean
  /** Asks again, and shows the last answer meanwhile. */
  readonly reload: () => void
}

export interface AnswerOptions {
  /** Asks again after so many milliseconds. @default never */
  readonly every?: number | undefined
  /** Shows the last answer until that of a changed query has come, so that the page does not flicker. @default false */
  readonly keep?: boolean | undefined
}

const longestPause = 10_000

/**
 * Asks the API, and asks again when the query changes. While the database is away, it asks again after 1, 2, 4 … seconds, at
 * most 10, and shows the last answer. `path`: undefined asks nothing.
 */
export function useAnswer<Answer>(
  path: string | undefined,
  query: Query = {},
  { every, keep = false }: AnswerOptions = {},
): Answered<Answer> {
  const [answer, setAnswer] = useState<Answer>()
  const [error, setError] = useState<ApiError>()
  const [isLoading, setIsLoading] = useState(path !== undefined)
  const [round, setRound] = useState(0)
  const key = JSON.stringify([path, query])
  const shownKey = useRef('')

  useEffect(() => {
    if (path === undefined) return
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let pause = 500
    if (!keep && shownKey.current !== key) setAnswer(undefined)
    shownKey.current = key
    const ask = async () => {
      setIsLoading(true)
      try {
        const found = await get<Answer>(path, query, controller.signal)
        if (controller.signal.aborted) return
        setAnswer(found)
        setError(undefined)
        pause = 500
        if (every !== undefined) timer = setTimeout(ask, every)
      } catch (failure) {
        if (controller.signal.aborted) return
        const problem =
          failure instanceof ApiError ? failure : new ApiError(String(failure), -1, 'broken-answer')
        setError(problem)
        if (problem.isAway) {
          pause = Math.min(longestPause, pause * 2)
          timer = setTimeout(ask, pause)
        } else setAnswer(undefined)
      }
      setIsLoading(false)
    }
    void ask()
    const forgetReturn = onReturn(() => {
      clearTimeout(timer)
      void ask()
    })
    return () => {
      controller.abort()
      clearTimeout(timer)
      forgetReturn()
    }
  }, [key, round, every])

  return { answer, error, isLoading, reload: useCallback(() => setRound((last) => last + 1), []) }
}
