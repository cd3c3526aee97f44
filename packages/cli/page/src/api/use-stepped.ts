/** Reads what belongs to one step of many, such as the state at a version, while the user moves quickly between steps. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, type Query } from './client.ts'
import { onReturn } from './connection.ts'
import { Steps } from './steps.ts'

export interface Stepped<Answer> {
  /** The last answer. It may still be that of a step before, while `isLoading`. */
  readonly answer: Answer | undefined
  readonly error: ApiError | undefined
  readonly isLoading: boolean
}

/** While the user slides, a request begins at most once in this time, so that some answers come before they are aborted. */
const shortestPause = 80
const longestPause = 10_000

/**
 * Asks for the present step, shows the last answer until the next one has come, aborts the requests of steps that the user has
 * passed, and reads the neighbours ahead. The answer of a step must never change. `path`: undefined asks nothing.
 */
export function useStepped<Answer>(
  path: string | undefined,
  query: Query,
  neighbours: readonly Query[],
): Stepped<Answer> {
  const steps = useRef<Steps<Answer>>(undefined)
  steps.current ??= new Steps<Answer>()
  const askedAt = useRef(0)
  const [answer, setAnswer] = useState<Answer>()
  const [error, setError] = useState<ApiError>()
  const [isLoading, setIsLoading] = useState(path !== undefined)
  const key = JSON.stringify([path, query])

  useEffect(() => {
    if (path === undefined) {
      setAnswer(undefined)
      setError(undefined)
      setIsLoading(false)
      return
    }
    const reader = steps.current as Steps<Answer>
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    let pause = 500
    const ask = async () => {
      askedAt.current = performance.now()
      reader.abortExcept(path, [query, ...neighbours])
      try {
        const found = await reader.read(path, query)
        if (isOver) return
        setAnswer(found)
        setError(undefined)
        setIsLoading(false)
        for (const neighbour of neighbours) {
          // A neighbour that fails is asked for once more when the user comes to it.
          reader.read(path, neighbour).catch(() => undefined)
        }
      } catch (failure) {
        if (isOver) return
        const problem =
          failure instanceof ApiError ? failure : new ApiError(String(failure), -1, 'broken-answer')
        setError(problem)
        if (problem.isAway) {
          pause = Math.min(longestPause, pause * 2)
          timer = setTimeout(ask, pause)
        } else {
          setAnswer(undefined)
          setIsLoading(false)
        }
      }
    }
    setIsLoading(true)
    const wait = shortestPause - (performance.now() - askedAt.current)
    if (wait <= 0 || reader.known(path, query) !== undefined) void ask()
    else timer = setTimeout(ask, wait)
    const forgetReturn = onReturn(() => {
      clearTimeout(timer)
      void ask()
    })
    return () => {
      isOver = true
      clearTimeout(timer)
      forgetReturn()
    }
  }, [key])
  useEffect(() => () => steps.current?.abortExcept('', []), [])

  return { answer, error, isLoading }
}
