// "Section net and installed size over N", as a filter over records of the Debian package database: key = package name,
// value = the whole record as dpkg keeps it.
//
// Thread safety: stateless; the threshold is captured by the lambda that Create returns.
using System.Buffers.Text;

namespace Belay.Samples.Remote;

internal static class PackageFilter
{
    /// <summary>Makes the closure. <paramref name="overKib"/> is what it captures.</summary>
    public static RowFilter Create(long overKib) =>
        row => Field(row.Value, "Section:"u8).SequenceEqual("net"u8) && InstalledKib(row.Value) > overKib;

    /// <summary>The installed size in KiB; 0 where the record has none.</summary>
    public static long InstalledKib(ReadOnlySpan<byte> record) =>
        Utf8Parser.TryParse(Field(record, "Installed-Size:"u8), out long kib, out _) ? kib : 0;

    /// <summary>The value of a one-line field, without blanks around it; empty if there is none.</summary>
    private static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> record, ReadOnlySpan<byte> name)
    {
        while (!record.IsEmpty)
        {
            var end = record.IndexOf((byte)'\n');
            var line = end < 0 ? record : record[..end];
            if (line.StartsWith(name))
                return line[name.Length..].Trim(" \t\r"u8);
            record = end < 0 ? default : record[(end + 1)..];
        }

        return default;
    }
}
