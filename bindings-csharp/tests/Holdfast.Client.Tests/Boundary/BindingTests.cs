using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Holdfast.Interop;

namespace Holdfast.Tests.Boundary;

public partial class BindingTests
{
    [Fact]
    public void nothing_of_the_boundary_is_public()
    {
        Assert.DoesNotContain(typeof(HoldfastClient).Assembly.GetExportedTypes(), type =>
            type.Namespace == "Holdfast.Interop" || type.FullName!.Contains("Interop", StringComparison.Ordinal));
    }

    [Fact]
    public void the_structs_have_the_size_and_order_of_the_native_ones()
    {
        Assert.Equal(144, Unsafe.SizeOf<HfRequest.Unmanaged>());
        Assert.Equal(96, Unsafe.SizeOf<HfReply.Unmanaged>());
        Assert.Equal(80, Unsafe.SizeOf<HfItem.Unmanaged>());
        Assert.Equal(64, Unsafe.SizeOf<HfStats.Unmanaged>());
        string native = Checkout.Read("ffi/src/abi.rs");
        foreach (Type type in (Type[])[typeof(HfRequest), typeof(HfReply), typeof(HfItem), typeof(HfStats), typeof(HfLogLine)])
        {
            string body = Regex.Match(native, $@"pub struct {type.Name} \{{(.*?)\n\}}", RegexOptions.Singleline).Groups[1].Value;
            IEnumerable<string> fields = Field().Matches(body).Select(field => field.Groups[1].Value);
            Assert.Equal(fields, type.GetNestedType("Unmanaged", BindingFlags.NonPublic)!
                .GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Select(field => field.Name));
        }
    }

    [GeneratedRegex(@"^    pub (\w+):", RegexOptions.Multiline)]
    private static partial Regex Field();
}
