/** Calls an action of the API, and knows whether it runs and why it failed. */
import { useState } from 'preact/hooks'
import { post } from './client.ts'

export interface Action {
  readonly isRunning: boolean
  /** Why the last call failed; undefined if it did not. */
  readonly failure: string | undefined
  /** Resolves with whether the action succeeded. */
  readonly run: (path: string, body: object) => Promise<boolean>
}

/** `done` is called after each action that succeeded, with its answer. */
export function useAction<Answer>(done: (answer: Answer) => void): Action {
  const [isRunning, setIsRunning] = useState(false)
  const [failure, setFailure] = useState<string>()
  const run = async (path: string, body: object) => {
    setIsRunning(true)
    setFailure(undefined)
    try {
      done(await post<Answer>(path, body))
      return true
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
      return false
    } finally {
      setIsRunning(false)
    }
  }
  return { isRunning, failure, run }
}
