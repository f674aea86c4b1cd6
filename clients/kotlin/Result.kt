import com.apollographql.apollo.api.ApolloResponse

/** `outcome` is `DONE`, `NOT_SENT`, `REJECTED` or `UNKNOWN`. `faults` has the entries of `extensions.arguments`. */
data class Result(val outcome: String, val code: String?, val faults: List<*>)

/** Returns what happened to the write of the field with this name or alias, whose value is `value`. */
fun resultOf(response: ApolloResponse<*>, alias: String, value: Any?): Result {
  val all = response.errors.orEmpty().filter { it.extensions != null }
  val told = all.filter { it.extensions?.get("outcome") != null }
  val error = told.find { it.path?.firstOrNull() == alias } ?: (told + all).find { it.path.isNullOrEmpty() }
  val extensions = error?.extensions.orEmpty()
  val outcome = if (value != null) "DONE" else extensions["outcome"] as? String ?: "UNKNOWN"
  return Result(outcome, extensions["code"] as? String, extensions["arguments"] as? List<*> ?: emptyList<Any>())
}
