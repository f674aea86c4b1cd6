import java.util.concurrent.TimeUnit.SECONDS
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.RequestBody
import okio.BufferedSink

/**
 * Makes OkHttp send each HTTP request at most once, because a create that it repeats by itself files two repair requests.
 * OkHttp never repeats a request whose body says that it can be written only once.
 */
val sendOnce = Interceptor { chain ->
  val request = chain.request()
  val body = request.body ?: return@Interceptor chain.proceed(request)
  val once = object : RequestBody() {
    override fun contentType() = body.contentType()
    override fun contentLength() = body.contentLength()
    override fun isOneShot() = true
    override fun writeTo(sink: BufferedSink) = body.writeTo(sink)
  }
  chain.proceed(request.newBuilder().method(request.method, once).build())
}

/** For `ApolloClient.Builder().okHttpClient(…)`. Its time limits are longer than those of the router. */
val okHttpClient: OkHttpClient =
  OkHttpClient.Builder().addInterceptor(sendOnce).callTimeout(25, SECONDS).readTimeout(25, SECONDS).build()
