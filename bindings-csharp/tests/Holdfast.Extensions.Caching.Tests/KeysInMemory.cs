using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>The keys with which the instances of an application protect their cookies, shared and not on disk.</summary>
internal sealed class KeysInMemory : IXmlRepository
{
    private readonly List<XElement> _elements = [];

    public IReadOnlyCollection<XElement> GetAllElements()
    {
        lock (_elements)
        {
            return [.. _elements];
        }
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        lock (_elements)
        {
            _elements.Add(element);
        }
    }
}
