/** Why a step of the slider could not be read. While the database is away, the banner of the page says so. */
import type { ApiError } from '../../api/client.ts'

export function StepProblem({ error }: { readonly error: ApiError | undefined }) {
  if (error === undefined || error.isAway) return null
  return (
    <p class="problem" role="alert">
      {error.message} <code>{error.code}</code>
    </p>
  )
}
