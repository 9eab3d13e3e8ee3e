// Row blocks and bitmaps: what is written is read back; what is damaged is refused.
using System.Buffers;
using static Belay.Tests.Support;

namespace Belay.Tests;

public class RowTests
{
    private static byte[] Sample()
    {
        var writer = new RowBlockWriter();
        writer.Add(RowKind.Put, 7, "key"u8, "value"u8);
        writer.Add(RowKind.Delete, 8, "gone"u8, []);
        writer.Add(RowKind.Put, 9, "k"u8, new byte[300]);
        return writer.Block.ToArray();
    }

    [Fact]
    public void WhatIsWrittenIsReadBack()
    {
        var rows = new RowBlock(Sample());
        Assert.Equal(3, rows.Count);
        var copied = rows.ToList();
        Assert.Equal((RowKind.Put, 7ul, "key", "value"), (copied[0].Kind, copied[0].Revision, Text(copied[0].Key), Text(copied[0].Value)));
        Assert.Equal((RowKind.Delete, 8ul, "gone", ""), (copied[1].Kind, copied[1].Revision, Text(copied[1].Key), Text(copied[1].Value)));
        Assert.Equal(300, copied[2].Value.Length);
    }

    [Fact]
    public void TheFormatIsTheOneOfTheHeader()
    {
        var writer = new RowBlockWriter();
        writer.Add(RowKind.Put, 0x0102, "ab"u8, "c"u8);
        Assert.Equal("01000000" + "01000000" + "0201000000000000" + "01000000" + "02000000" + "01000000" + "00000000" + "6162" + "63",
                     Convert.ToHexString(writer.Block.Span));
        writer.Clear();
        Assert.Equal(8, writer.Block.Length);
        Assert.Equal(0, new RowBlock(writer.Block.Span).Count);
        Assert.Equal(0, new RowBlock([]).Count);
    }

    [Fact]
    public void I7_EveryTruncationIsDataLoss()
    {
        var block = Sample();
        for (var size = 1; size < block.Length; size++)
            Throws(BelayStatus.DataLoss, () => new RowBlock(block.AsSpan(0, size)).ToList());
    }

    [Fact]
    public void I7_DamagedBlocksNeverReadBeyondTheirEnd()
    {
        var random = new Random(3);
        for (var i = 0; i < 20_000; i++)
        {
            var block = Sample();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                block[random.Next(40)] ^= (byte)(1 << random.Next(8));
            try
            {
                _ = new RowBlock(block).ToList();
            }
            catch (BelayException damaged)
            {
                Assert.Equal(BelayStatus.DataLoss, damaged.Status);
            }
        }
    }

    [Fact]
    public void BitmapKeepsLowestBitFirst()
    {
        var writer = new RowBlockWriter();
        for (var i = 0; i < 19; i++)
            writer.Add(RowKind.Put, (ulong)i, [(byte)i], []);
        var bitmap = new ArrayBufferWriter<byte>();
        RowBitmap.Write(row => row.Key[0] % 3 == 0, writer.Block.Span, bitmap);
        Assert.Equal(RowBitmap.SizeFor(19), bitmap.WrittenCount);
        Assert.Equal(0b01001001, bitmap.WrittenSpan[0]);
        for (var i = 0; i < 19; i++)
            Assert.Equal(i % 3 == 0, RowBitmap.Keeps(bitmap.WrittenSpan, i));
        bitmap.Clear();
        RowBitmap.Write(_ => true, [], bitmap);
        Assert.Equal(0, bitmap.WrittenCount);
        Assert.Throws<ArgumentNullException>(() => RowBitmap.Write(null!, [], bitmap));
        Assert.Throws<ArgumentNullException>(() => RowBitmap.Write(_ => true, [], null!));
    }

    [Fact]
    public void StatusNamesAreThoseOfTheHeader()
    {
        Assert.Equal("CALLBACK_FAILED", BelayException.NameOf(BelayStatus.CallbackFailed));
        Assert.Equal("STALE_EPOCH", BelayException.NameOf(BelayStatus.StaleEpoch));
        Assert.Equal("OK", BelayException.NameOf(BelayStatus.Ok));
    }
}
