"""Names as lists: common given names and surnames of several languages, words that are no surname though they follow a
given name, people after whom things are called, and surnames that nobody has."""

from __future__ import annotations

from typing import Final

_GIVEN: Final = """
Aaron Abdul Adam Adele Adrian Agnes Ahmed Aisha Akira Alan Albert Alejandro Alessandro Alex Alexander Alexandra Ali
Alice Alicia Alina Amanda Amelia Amina Amir Amy Ana Anders Andrea Andreas Andrew Angela Anita Anke Anna Anne Annika
Anthony Anton Antonio Arjun Astrid Barbara Beatriz Benjamin Bernd Bianca Björn Bogdan Brandon Brian Bruno Camille
Carla Carlos Carmen Carol Caroline Catherine Cem Charles Charlotte Chiara Chloe Christina Christine Christopher
Claire Clara Claudia Claudio Cristina Cynthia Daniel Daniela David Deborah Denis Dennis Diana Diego Dieter Dmitri
Dominik Donald Dorothy Edward Elena Elias Elif Elizabeth Ella Emil Emily Emma Eric Erik Eva Evelyn Fatima Felix
Fernando Filip Florian Francesca Francesco Francisco Frank Franz Frederik Gabriel Gabriela Gary George Gerhard
Giovanni Giulia Giuseppe Gloria Gonzalo Greta Grzegorz Gustav Hanna Hannah Hans Harold Hassan Heather Heidi Helen
Helena Helga Henrik Henry Hiroshi Ibrahim Ines Ingrid Irene Isabel Isabella Ivan Ivana Jacob Jakub James Jan Jane
Janet Jason Javier Jean Jennifer Jessica Jiang Joan Joanna Johan Johanna John Jonas Jonathan Jorge Jose Joseph
Joshua Juan Judith Julia Julian Julie Jürgen Karen Karin Karl Katarzyna Katherine Kathleen Katja Kenji Kenneth
Kevin Klaus Kristina Krzysztof Larissa Laura Lauren Lea Lena Leon Leonardo Linda Lisa Lorenzo Louis Luca Lucas
Lucia Luis Lukas Maja Magdalena Manuel Marco Marcus Maren Margaret Maria Marie Marina Mario Marta Martha Martin
Martina Mary Mateusz Matteo Matthew Max Maximilian Mehmet Mei Melissa Michael Michaela Michelle Miguel Mikhail
Mohamed Mohammed Monica Monika Muhammad Mustafa Nadia Nancy Natalia Natalie Nathan Niamh Nicholas Nicole Nikolai
Nina Noah Nora Olga Oliver Olivia Omar Oscar Pablo Pamela Patricia Patrick Paul Paula Pavel Pedro Peter Petra
Philip Pierre Priya Rachel Rafael Rahul Raj Rajesh Ralf Ramon Raymond Rebecca Renate Ricardo Richard Robert Roberto
Roger Roman Ronald Rosa Ruth Ryan Sabine Samantha Samuel Sandra Sanjay Sara Sarah Sebastian Sergei Sharon Simon
Simone Sofia Sonja Stefan Stefanie Stephanie Stephen Steven Sunita Susan Susanne Svetlana Sven Tatiana Teresa Thomas
Tim Timothy Tomasz Tomáš Ursula Valentina Vera Veronika Victor Viktor Vincent Virginia Vladimir Walter Wei William
Wojciech Xiao Yasmin Yuki Yusuf Zofia
"""
GIVEN: Final = frozenset(_GIVEN.split())

_SURNAMES: Final = """
Adams Ahmed Allen Anderson Bailey Baker Barnes Becker Bell Bennett Bianchi Brown Campbell Carter Carvalho Chen Clark
Clarke Collins Cook Cooper Cox Cruz Davies Davis Dubois Dupont Edwards Evans Fernandez Ferrari Fischer Flores Foster
Garcia Gomez Gonzalez Gray Green Hall Hansen Harris Haddad Hernandez Hill Hoffmann Howard Huang Hughes Hussain
Jackson James Jenkins Johnson Jones Kaya Keller Kelly Khan Kim King Klein Kowalski Krüger Kumar Lambert Larsen
Laurent Lee Lefebvre Leroy Lewis Li Lim Lin Lopez Martin Martinez Meyer Miller Mitchell Moore Morales Moreau Morgan
Morris Müller Murphy Nakamura Nguyen Nowak Okafor Ortiz Park Parker Patel Perez Petrova Phillips Powell Price
Ramirez Ramos Reed Reyes Richardson Rivera Roberts Robinson Rodriguez Rogers Romano Rossi Roux Ruiz Russo Sanchez
Santos Sato Schmidt Schneider Schulz Scott Sharma Silva Singh Smith Stewart Suzuki Tanaka Taylor Thomas Thompson
Torres Turner Wagner Walker Wang Ward Watanabe Watson Weber White Williams Wilson Wolf Wong Wood Wright Wu Yamamoto
Yang Yilmaz Young Zhang Zhao
"""
SURNAMES: Final = frozenset(_SURNAMES.split())

SURNAME_ENDINGS: Final = (
    "son", "sen", "ez", "ski", "ska", "czyk", "wicz", "ova", "ov", "ev", "ini", "etti", "elli", "mann", "berg", "stein",
    "sang", "feld", "dottir", "ić", "escu", "ian", "oglu", "idis", "opoulos", "enko", "shvili", "ström", "lund",
    "quist", "eira", "alho", "aker", "field", "ford", "worth", "sayed", "ati", "moto", "yama", "kawa",
)  # fmt: skip

_NO_SURNAMES: Final = """
Airport Alert Avenue Bay Beach Bridge Castle Cathedral Church City Code College Company County Court Creek Day
Desert Drive Effect English Equation Falls Festival Field Fields Forest Function Garden Gardens Gulf Hall Heights
High Hospital Hotel House Institute Island Islands Lake Law Library Magdalene Mall March May Method Model Monday
Mountain Mountains Museum North Northern Ocean Palace Park Peninsula Plaza Point Pooling Prize Problem Province
Railway Region River Road Rule School Sea Series South Southern Square State States Station Street Sunday Syndrome
Temple Test Theorem Theory Tower Town Tunnel Union University Valley West Western Woods World The This That These
They There And But Not For From With When Where Which What Who Why How Is Are Was Were Has Had Have Does Did Do If
In On At To Of As By An It Its He She We You Your Our Their All Both Each Some Any No Yes Sir Madam Editor Team
Friend Friends Colleague Colleagues Customer Reader Readers Santa San Saint Fe King Queen Prince Princess Pope
"""
NO_SURNAMES: Final = frozenset(_NO_SURNAMES.split())

_FAMOUS: Final = """
Ampère Archimedes Aristotle Avogadro Babbage Bach Bacon Bayes Beethoven Bernoulli Bohr Boltzmann Boyle Buddha Byron
Caesar Cantor Chomsky Churchill Columbus Copernicus Coulomb Curie Darwin Descartes Dickens Dirac Doppler Edison
Einstein Euclid Euler Faraday Fermat Fermi Feynman Fibonacci Fourier Franklin Freud Galilei Galileo Gandhi Gauss
Goethe Gödel Hamilton Hegel Heisenberg Hilbert Hippocrates Hooke Hubble Hume Joule Kant Kelvin Kennedy Kepler Keynes
Lagrange Laplace Leibniz Lenin Lincoln Linnaeus Locke Lovelace Luther Machiavelli Malthus Mandela Marx Maxwell Mendel
Mendeleev Mill Mozart Napoleon Nash Newton Nietzsche Nobel Noether Ohm Pascal Pasteur Pavlov Picasso Planck Plato
Ptolemy Pythagoras Rawls Riemann Roosevelt Rousseau Rutherford Schrödinger Shakespeare Skinner Socrates Stalin Tesla
Thoreau Tolstoy Trump Obama Turing Voltaire Washington Watt Wittgenstein
"""
FAMOUS: Final = frozenset(_FAMOUS.split())

FICTITIOUS: Final = (
    "Almsworth", "Brockvale", "Cindermoor", "Dellingrove", "Eastmarsh", "Farrowdale", "Glimmerford", "Hollowmere",
    "Inkpenny", "Junipershaw", "Kettlebrook", "Larkendale", "Mossbarrow", "Nettlecombe", "Oakenshaw", "Pebblethorpe",
)  # fmt: skip
"""Surnames made up for `pseudonyms`."""
