/** Shows an answer of the API, or why there is none. */
import type { ComponentChildren } from 'preact'
import type { Answered } from '../api/use-answer.ts'

interface ResultProps<Answer> {
  readonly result: Answered<Answer>
  readonly children: (answer: Answer) => ComponentChildren
}

export function Result<Answer>({
  result: { answer, error, isLoading, reload },
  children,
}: ResultProps<Answer>) {
  return (
    <div aria-busy={isLoading}>
      {error !== undefined && !error.isAway && (
        <p class="problem" role="alert">
          {error.message} <code>{error.code}</code>{' '}
          <button type="button" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {answer === undefined ? isLoading && <p class="loading">Reading…</p> : children(answer)}
    </div>
  )
}
