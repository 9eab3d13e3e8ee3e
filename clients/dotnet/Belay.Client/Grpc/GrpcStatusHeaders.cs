// How a response says how the call ended: grpc-status and its companions, in trailers, or in the headers
// where the server had nothing else to say ("trailers only"), or not at all.
//
// Invariant: whatever a server sends, an answer comes out; nothing here throws on foreign bytes.
//
// Thread safety: stateless.
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Belay.Client.Grpc;

/// <summary>Reads the end of a call from headers and trailers; writes grpc-timeout.</summary>
internal static class GrpcStatusHeaders
{
    /// <summary>The failure that the headers alone tell; null: the body is to be read.</summary>
    /// <remarks>OK in the headers alone is a call without messages: the caller sees a body that ends.</remarks>
    public static GrpcException? FromHeaders(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK)
            return FromFields(response.Headers)
                ?? new GrpcException(FromHttp(response.StatusCode),
                    $"the server answered HTTP {(int)response.StatusCode}, not a gRPC response");
        var type = response.Content.Headers.ContentType?.MediaType;
        if (type is null || !type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase))
            return new GrpcException(
                GrpcCode.Unknown, $"the server answered content of type '{type ?? "none"}', not application/grpc");
        return FromFields(response.Headers);
    }

    /// <summary>The failure that the whole response tells, its body having been read; null: OK.</summary>
    public static GrpcException? FromTrailers(HttpResponseMessage response)
    {
        var fields = response.TrailingHeaders.Contains("grpc-status") ? response.TrailingHeaders : response.Headers;
        return fields.Contains("grpc-status")
            ? FromFields(fields)
            : new GrpcException(GrpcCode.Internal, "the server ended the call without a grpc-status");
    }

    /// <summary>The value of a grpc-timeout header: at most eight digits and a unit.</summary>
    public static string Timeout(TimeSpan timeout)
    {
        const long MostDigits = 99_999_999;
        var ms = Math.Max(1, (long)Math.Ceiling(timeout.TotalMilliseconds));
        return ms <= MostDigits
            ? ms.ToString(CultureInfo.InvariantCulture) + "m"
            : Math.Min(MostDigits, ms / 1000).ToString(CultureInfo.InvariantCulture) + "S";
    }

    /// <summary>Undoes the percent encoding of grpc-message; what is no valid escape stays as it is.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal)) return text;
        var bytes = new List<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '%' && i + 2 < text.Length
                && byte.TryParse(
                    text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                i += 2;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(text, i, 1));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static GrpcException? FromFields(HttpHeaders fields)
    {
        if (First(fields, "grpc-status") is not { } text) return null;
        var known = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code);
        if (known && code == GrpcCode.Ok) return null;
        var message = Decode(First(fields, "grpc-message") ?? string.Empty);
        if (!known) return new GrpcException(GrpcCode.Unknown, $"grpc-status '{text}' is no number; {message}");
        return new GrpcException(code, message.Length > 0 ? message : $"the server answered grpc-status {code}")
        {
            Details = Bytes(First(fields, "grpc-status-details-bin")),
        };
    }

    private static ReadOnlyMemory<byte> Bytes(string? base64)
    {
        if (base64 is null) return default;
        var padded = base64.PadRight((base64.Length + 3) / 4 * 4, '=');
        var bytes = new byte[padded.Length];
        return Convert.TryFromBase64String(padded, bytes, out var size) ? bytes.AsMemory(0, size) : default;
    }

    private static string? First(HttpHeaders fields, string name) =>
        fields.NonValidated.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    // The mapping of gRPC's document "HTTP to gRPC Status Code Mapping".
    private static int FromHttp(HttpStatusCode status) => (int)status switch
    {
        400 => GrpcCode.Internal,
        401 => GrpcCode.Unauthenticated,
        403 => GrpcCode.PermissionDenied,
        404 => GrpcCode.Unimplemented,
        429 or 502 or 503 or 504 => GrpcCode.Unavailable,
        _ => GrpcCode.Unknown,
    };
}
